//! `Ref` and `Fn::GetAtt`: what names of parameters and resources are locally.

use std::borrow::Cow;

use crate::eval::Outcome;
use crate::eval::Resource;
use crate::eval::Scope;
use crate::eval::Stop;
use crate::eval::arguments;
use crate::eval::attribute;
use crate::eval::literal;
use crate::eval::local;
use crate::eval::made;
use crate::eval::made::Origin;
use crate::eval::parameter::Parameter;
use crate::eval::unresolved;
use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;
use crate::suggest::did_you_mean;

impl Scope {
    /// `Ref: name`.
    pub(super) fn reference<'n>(&'n self, name: &str, at: &'n At) -> Outcome<'n> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if name == "AWS::NotificationARNs" {
            return Ok(Some(Cow::Owned(Node::list(Vec::new(), at))));
        }
        if let Some(text) = local::pseudo(name) {
            return Ok(Some(Cow::Owned(Node::text(text, at))));
        }
        match self.parameters.get(name) {
            Some(Parameter::Text(text)) => return Ok(Some(Cow::Owned(Node::text(text, at)))),
            Some(Parameter::List(items)) => {
                self.spend(items.len(), at)?;
                let items = items.iter().map(|item| Node::text(item, at)).collect();
                return Ok(Some(Cow::Owned(Node::list(items, at))));
            }
            Some(Parameter::Unresolved { why, help }) => {
                return Err(Stop::Unresolved(Finding::new(at, why).help(help)));
            }
            None => {}
        }
        let text = match self.resources.get(name) {
            Some(resource) => self.name(resource, at)?,
            None => match name.split_once('.') {
                Some((id, of)) => self.generated(id, of, at)?,
                None => return Err(self.unknown(name, at)),
            },
        };
        Ok(Some(Cow::Owned(Node::text(text, at))))
    }

    /// `Fn::GetAtt: name.attribute` or `[name, attribute]`.
    pub(super) fn get_att<'n>(&'n self, argument: &'n Node, at: &'n At) -> Outcome<'n> {
        if let Some(text) = argument.as_text() {
            let Some((id, attribute)) = text.split_once('.') else {
                let what = "`Fn::GetAtt` takes `name.attribute`";
                return Err(Stop::wrong(&argument.at, what));
            };
            return self.attribute(id, attribute, at);
        }
        let [id, attribute] = arguments(argument, "Fn::GetAtt")?;
        let attribute = self.needed(attribute)?;
        self.attribute(literal(id, "Fn::GetAtt")?, &attribute, at)
    }

    /// An attribute of a resource.
    pub(super) fn attribute<'n>(&'n self, id: &str, attribute: &str, at: &'n At) -> Outcome<'n> {
        let Some(resource) = self.resources.get(id) else {
            return Err(self.unknown(id, at));
        };
        let text = match (resource.kind.as_str(), attribute) {
            ("AWS::Lambda::Function" | "AWS::Serverless::Function", "Arn") => {
                local::function_arn(&self.function_name(resource)?)
            }
            ("AWS::Serverless::Function", "Alias" | "Version") => {
                self.generated(id, attribute, at)?
            }
            ("AWS::ApiGatewayV2::Api", "ApiId") => local::api_id(id),
            ("AWS::ApiGatewayV2::Api", "ApiEndpoint") => format!(
                "wss://{}.execute-api.{}.amazonaws.com",
                local::api_id(id),
                local::REGION
            ),
            ("AWS::ApiGatewayV2::Route", "RouteId")
            | ("AWS::ApiGatewayV2::Integration", "IntegrationId")
            | ("AWS::ApiGatewayV2::Authorizer", "AuthorizerId")
            | ("AWS::ApiGatewayV2::Deployment", "DeploymentId")
            | ("AWS::ApiGatewayV2::Model", "ModelId")
            | ("AWS::ApiGateway::ApiKey", "APIKeyId")
            | ("AWS::ApiGateway::UsagePlan", "Id") => id.to_owned(),
            ("AWS::Lambda::Alias", "AliasArn") | ("AWS::Lambda::Version", "FunctionArn") => {
                self.name(resource, at)?
            }
            ("AWS::Lambda::Version", "Version") => "1".to_owned(),
            _ => return Err(attribute::unknown(resource, attribute, at)),
        };
        Ok(Some(Cow::Owned(Node::text(text, at))))
    }

    /// What `Ref` of a resource is (each type's page, "Return values").
    fn name(&self, resource: &Resource, at: &At) -> Result<String, Stop> {
        let id = resource.id.as_str();
        match resource.kind.as_str() {
            "AWS::Lambda::Function" | "AWS::Serverless::Function" => self.function_name(resource),
            "AWS::ApiGatewayV2::Api" => Ok(local::api_id(id)),
            "AWS::ApiGatewayV2::Stage" => self.property(resource, "StageName"),
            "AWS::ApiGatewayV2::DomainName" => self.property(resource, "DomainName"),
            // IDs that AWS makes up; here they are the logical ones.
            "AWS::ApiGatewayV2::ApiMapping"
            | "AWS::ApiGatewayV2::Route"
            | "AWS::ApiGatewayV2::RouteResponse"
            | "AWS::ApiGatewayV2::Integration"
            | "AWS::ApiGatewayV2::IntegrationResponse"
            | "AWS::ApiGatewayV2::Authorizer"
            | "AWS::ApiGatewayV2::Deployment"
            | "AWS::ApiGatewayV2::Model"
            | "AWS::ApiGateway::ApiKey"
            | "AWS::ApiGateway::UsagePlan"
            | "AWS::ApiGateway::UsagePlanKey" => Ok(id.to_owned()),
            "AWS::Lambda::Alias" => {
                let (function, alias) = (
                    self.property(resource, "FunctionName")?,
                    self.property(resource, "Name")?,
                );
                let arn = local::function_arn(local::function_name(&function));
                Ok(format!("{arn}:{alias}"))
            }
            "AWS::Lambda::Version" => {
                let function = self.property(resource, "FunctionName")?;
                let arn = local::function_arn(local::function_name(&function));
                Ok(format!("{arn}:1"))
            }
            kind => self.given_name(resource)?.ok_or_else(|| {
                let what = format!("`{id}` ({kind}) exists on AWS only");
                unresolved(at, what)
            }),
        }
    }

    /// The name of a function: `FunctionName`, or the logical ID.
    pub(crate) fn function_name(&self, resource: &Resource) -> Result<String, Stop> {
        let Some(name) = resource.properties.get("FunctionName") else {
            return Ok(resource.id.clone());
        };
        let what = format!("the name of `{}`", resource.id);
        let name = self.visit(what, &name.at, || self.text(name))?;
        Ok(name.unwrap_or_else(|| resource.id.clone()))
    }

    /// A property that the name of a resource is made of.
    fn property(&self, resource: &Resource, property: &str) -> Result<String, Stop> {
        let Some(value) = resource.properties.get(property) else {
            let what = format!("`{}` has no `{property}`", resource.id);
            return Err(Stop::wrong(&resource.at, what));
        };
        let what = format!("`{property}` of `{}`", resource.id);
        self.visit(what, &value.at, || self.needed(value))
    }

    /// `Function.Alias`, `Function.Version`, `Api.Stage`: what SAM makes beside a resource
    /// (SAM's "Referencing generated resources").
    fn generated(&self, id: &str, of: &str, at: &At) -> Result<String, Stop> {
        let Some(resource) = self.resources.get(id) else {
            return Err(self.unknown(id, at));
        };
        match (resource.kind.as_str(), of) {
            ("AWS::Serverless::Function", "Alias") => {
                let alias = self.property(resource, "AutoPublishAlias")?;
                let arn = local::function_arn(&self.function_name(resource)?);
                Ok(format!("{arn}:{alias}"))
            }
            ("AWS::Serverless::Function", "Version") => {
                let arn = local::function_arn(&self.function_name(resource)?);
                Ok(format!("{arn}:1"))
            }
            ("AWS::ApiGatewayV2::Api", "Stage") => {
                let stage = self.resources.of("AWS::ApiGatewayV2::Stage").find(|stage| {
                    let api = stage.properties.get("ApiId");
                    api.and_then(|api| api.get("Ref")?.as_text()) == Some(id)
                });
                match stage {
                    Some(stage) => self.property(stage, "StageName"),
                    None => Err(Stop::wrong(at, format!("`{id}` has no stage"))),
                }
            }
            (kind, _) => Err(unresolved(
                at,
                format!("`{id}.{of}` ({kind}) exists on AWS only"),
            )),
        }
    }

    /// Why a name means nothing here.
    fn unknown(&self, name: &str, at: &At) -> Stop {
        if self.resources.is_absent(name) {
            let what = format!("`{name}` does not exist: its condition is false");
            return Stop::wrong(at, what);
        }
        match made::origin(name, &self.resources) {
            Some(Origin::Resource(origin)) => {
                let what = format!("`{name}` is what SAM makes of `{}`", origin.id);
                return unresolved(at, format!("{what}, and exists on AWS only"));
            }
            Some(Origin::Stack) => {
                let what = format!("`{name}` is made by SAM, and exists on AWS only");
                return unresolved(at, what);
            }
            None => {}
        }
        let known = self
            .resources
            .iter()
            .map(|resource| resource.id.as_str())
            .chain(self.parameters.keys().map(String::as_str))
            .chain(["AWS::Region", "AWS::AccountId", "AWS::StackName"]);
        Stop::Wrong(
            Finding::new(
                at,
                format!("the template has no parameter and no resource `{name}`"),
            )
            .maybe_help(did_you_mean(name, known)),
        )
    }
}
